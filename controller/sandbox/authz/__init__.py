"""Authorisation: policy documents, a pure decision, and what each call asks of which principal on which resource."""

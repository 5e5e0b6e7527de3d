"""An embedded hub and spokes on loopback: what Hubwright needs of AWS, held to AWS's documented behaviour.

The model registry (SageMaker), ECR with a real OCI distribution endpoint, S3 and STS are our own small state machines,
because the controller's promises rest on their exact semantics; every other service is handed to moto.
All state of our own is in one `World`; nothing here talks to a network beyond loopback.
"""

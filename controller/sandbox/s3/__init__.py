"""S3: versioned objects, conditional writes, multipart uploads."""

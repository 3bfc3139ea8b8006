"""Where uploaded files are kept: a contract, a local folder, an S3 bucket, and what opens them."""

"""Datasets in object storage that speaks S3: send one, compare, fetch one. `client.py` alone imports botocore."""

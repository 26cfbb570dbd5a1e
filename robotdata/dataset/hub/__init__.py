"""Datasets on the Hugging Face Hub: send one, compare, bring one here. `client.py` alone imports huggingface_hub."""

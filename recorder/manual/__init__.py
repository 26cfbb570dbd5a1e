"""The help inside the product: pages of `docs/`, rendered and searched; and what the product is made of."""

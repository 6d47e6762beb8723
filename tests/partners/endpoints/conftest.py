from tests.delivery.conftest import inbox, shop

__all__ = ["inbox", "shop"]

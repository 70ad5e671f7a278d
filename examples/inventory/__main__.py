"""An action that keeps a shop's stock in a database that speaks MongoDB's protocol."""

from pymongo import MongoClient, ReturnDocument

clients = {}  # outside of main: a warm container keeps its connection


def main(args):
    """Take {"product_id", "stock_change", "mongodb_uri"}; answer the new count."""
    uri = args["mongodb_uri"]
    if uri not in clients:
        clients[uri] = MongoClient(uri, serverSelectionTimeoutMS=10_000)
    product = clients[uri].shop.inventory.find_one_and_update(
        {"_id": args["product_id"]},
        {"$inc": {"count": args["stock_change"]}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return {"product_id": product["_id"], "count": product["count"]}

"""The Redis implementation of `Cache`: one server, a cluster, or sentinels."""

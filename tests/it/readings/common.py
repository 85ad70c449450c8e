"""What the Python servers of these tests have in common."""


def routed(path):
    """Which route a path means, once its server has read it."""
    parts = path.split("/")
    if len(parts) > 1 and parts[1] == "admin":
        return "routed admin"
    if len(parts) > 2 and parts[1] == "users":
        return "routed users " + parts[2]
    return "routed other"

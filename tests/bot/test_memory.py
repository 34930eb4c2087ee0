"""bot.memory: what was seen once is not asked again."""


def test_somebody_not_seen_is_not_known(memory):
    """Nothing is remembered of a stranger."""
    assert memory.membership("snakes", "alice") is None


def test_the_last_state_seen_is_remembered_whatever_the_case(memory):
    """Logins do not depend on case, and a later state replaces an earlier one."""
    memory.remember("Snakes", "Alice", "pending")
    memory.remember("snakes", "alice", "active")
    assert memory.membership("SNAKES", "aLICE") == "active"

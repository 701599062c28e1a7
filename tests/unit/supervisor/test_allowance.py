from hanfleet.supervisor.allowance import Allowance


def test_some_at_once_and_little_in_the_long_run() -> None:
    allowance = Allowance(burst=100, per_s=10)
    assert allowance.exhausted(at=1000) == set()
    allowance.take("anna", 99)
    allowance.take("mallory", 150)
    assert allowance.exhausted(at=1000) == {"mallory"}
    assert allowance.exhausted(at=1005) == {"mallory"}
    assert allowance.exhausted(at=1006) == set()
    allowance.take("mallory", 10)
    assert allowance.exhausted(at=1006) == {"mallory"}
    assert allowance.in_use("anna")
    assert allowance.exhausted(at=1010) == set()
    assert not allowance.in_use("anna")
    assert allowance.in_use("mallory")


def test_a_pardon_gives_so_much_and_no_more() -> None:
    allowance = Allowance(burst=100, per_s=0)
    allowance.take("mallory", 150)
    allowance.take("anna", 20)
    for bot_id in ("mallory", "anna", "boris"):
        allowance.pardon(bot_id, 30)
    allowance.take("mallory", 29)
    allowance.take("anna", 79)
    assert allowance.exhausted(at=1000) == set()
    allowance.take("mallory", 1)
    assert allowance.exhausted(at=1000) == {"mallory"}

"""The session in memory: what goes in as a snapshot comes out as one, and what is new is reported once."""

# mypy: allow-untyped-calls

from datetime import UTC, datetime

from telethon.tl import types

from hanfleet.core.messages import Entity, SessionSnapshot, UpdateState
from hanfleet.core.startup import TelegramServer
from hanfleet.transports.telegram.session import SnapshotSession

STATE = UpdateState(pts=9, qts=0, date=datetime(2026, 1, 1, tzinfo=UTC), seq=3)
BO = Entity(id=4, access_hash=-44, kind="user", name="Bo")
SNAPSHOT = SessionSnapshot(2, "127.0.0.1", 20_000, b"k" * 256, 1, False, STATE, (BO,))
ANN = types.User(id=7, access_hash=70, first_name="Ann", username="ann", phone="123")


def test_a_snapshot_survives_the_journey() -> None:
    session = SnapshotSession(SNAPSHOT, None)
    assert session.snapshot(1, is_bot=False, state=STATE) == SNAPSHOT
    assert session.auth_key.key == SNAPSHOT.auth_key
    ((entity_id, state),) = session.get_update_states()
    assert (entity_id, state.pts, state.seq) == (0, 9, 3)


def test_a_key_never_shows_in_words() -> None:
    assert "kkkk" not in repr(SNAPSHOT)


def test_a_server_that_moved_is_followed() -> None:
    moved = TelegramServer(address="127.0.0.1", port=20_001, dc_id=2, public_key_pem="")
    assert SnapshotSession(SNAPSHOT, moved).port == 20_001


def test_a_stored_peer_can_be_addressed_but_is_not_reported_again() -> None:
    session = SnapshotSession(SNAPSHOT, None)
    assert session.input_peer(4) == types.InputPeerUser(4, -44)
    assert session.get_input_entity(4) == types.InputPeerUser(4, -44)
    assert session.take_unreported() == ()
    assert session.person(4) is None


def test_who_is_met_is_reported_once_and_again_when_changed() -> None:
    session = SnapshotSession(None, None)
    session.process_entities(types.contacts.ResolvedPeer(types.PeerUser(7), [], [ANN]))
    assert session.take_unreported() == (Entity(7, 70, "user", "Ann", "ann", "123"),)
    session.process_entities([ANN])
    assert not session.has_unreported
    session.meet([types.User(id=7, access_hash=71, first_name="Ann")])
    assert [entity.access_hash for entity in session.take_unreported()] == [71]


def test_hashes_that_work_nowhere_are_not_kept() -> None:
    session = SnapshotSession(None, None)
    session.meet([types.User(id=7, access_hash=70, min=True), types.User(id=8), types.UserEmpty(9), None])
    assert session.input_peer(7) is None
    assert not session.has_unreported


def test_a_person_seen_in_full_is_known() -> None:
    session = SnapshotSession(None, None)
    session.meet([ANN, types.User(id=8, access_hash=80, bot=True)])
    ann, robot = session.person(7), session.person(8)
    assert ann is not None
    assert robot is not None
    assert (ann.name, ann.is_bot, robot.is_bot) == ("Ann", False, True)

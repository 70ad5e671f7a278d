"""Settings: defaults that work, and all faults at once."""

from pathlib import Path

import pytest

from chasen.settings import KNOBS, BadSettings, Settings


def test_the_defaults_are_the_embedded_house_on_loopback() -> None:
    settings = Settings.from_environment({"HOME": "/x"})

    assert settings.listen == ("127.0.0.1", 3233)
    assert settings.operator_listen == ("127.0.0.1", 3234)
    assert settings.store_url == "sqlite:./data/chasen.db"
    assert settings.public_api_host == "http://127.0.0.1:3233"


def test_everything_follows_the_state_directory() -> None:
    settings = Settings.from_environment({"CHASEN_STATE_DIR": "/srv/chasen"})

    assert settings.key_file == Path("/srv/chasen/keys/server.key")
    assert settings.bus_url == "memory:/srv/chasen/bus.db"


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(BadSettings) as refused:
        Settings.from_environment(
            {
                "CHASEN_LISTEN": "nowhere",
                "CHASEN_INVOKER_ID": "one",
                "CHASEN_DURABLE": "perhaps",
                "CHASEN_TYPO": "1",
            }
        )

    for name in ("LISTEN", "INVOKER_ID", "DURABLE", "TYPO"):
        assert f"CHASEN_{name}" in str(refused.value)


def test_every_knob_explains_itself() -> None:
    assert all(knob.sentence.endswith(".") for knob in KNOBS)
    assert len({knob.name for knob in KNOBS}) == len(KNOBS)

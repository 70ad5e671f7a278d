"""What the house tells of itself, and the namespaces of a key."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from chasen import __build__, __version__
from chasen.entities import limits as bounds
from controller.api.doors import Caller, House, answer

router = APIRouter()


@router.get("/ping")
async def ping() -> Response:
    return Response("pong", media_type="text/plain")


@router.get("/")
async def platform(services: House) -> Response:
    return answer(
        {
            "description": "OpenWhisk",
            "support": {
                "github": "https://github.com/apache/openwhisk/issues",
                "slack": "http://slack.openwhisk.org",
            },
            "api_paths": ["/api/v1"],
            "limits": _LIMITS,
            "runtimes": services.manifest.shown(),
        }
    )


_BOUNDS = {
    "min_action_duration": bounds.TIMEOUT_MS_MIN,
    "max_action_duration": bounds.TIMEOUT_MS_MAX,
    "min_action_memory": bounds.MEMORY_MB_MIN * bounds.MIB,
    "max_action_memory": bounds.MEMORY_MB_MAX * bounds.MIB,
    "min_action_logs": bounds.LOGS_MB_MIN * bounds.MIB,
    "max_action_logs": bounds.LOGS_MB_MAX * bounds.MIB,
}
_LIMITS = {
    "actions_per_minute": bounds.INVOCATIONS_PER_MINUTE,
    "triggers_per_minute": bounds.FIRES_PER_MINUTE,
    "concurrent_actions": bounds.CONCURRENT_INVOCATIONS,
    "sequence_length": 50,
    **{f"default_{name}": value for name, value in _BOUNDS.items()},
    **_BOUNDS,
}


@router.get("/api/v1")
@router.get("/api/v1/")
async def api_description() -> Response:
    return answer(
        {
            "description": "OpenWhisk API",
            "api_version": "1.0.0",
            "api_version_path": "v1",
            "build": __build__,
            "buildno": f"chasen-{__version__}",
            "swagger_paths": {"ui": "/docs", "api-docs": "/api-docs"},
        }
    )


@router.get("/api/v1/namespaces")
@router.get("/api/v1/namespaces/")
async def namespaces(who: Caller) -> Response:
    return answer([who.namespace])

"""The operator port, loopback only: how the house is, and the operator's desk.

Liveness, metrics and invokers are open and tell nothing of users; all the rest asks for
the operator's token (``operator_admin``).
"""

from __future__ import annotations

from collections.abc import Callable

import orjson
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from controller.administration.desk import Desk
from controller.api.operator_admin import add_admin
from controller.services import Services


def operator_app(
    services: Services, not_ready: Callable[[], str | None], desk: Desk, token: str
) -> FastAPI:
    """Answer the application; ``not_ready`` tells why, None when all is well."""
    app = FastAPI(
        title="Chasen operator", docs_url=None, redoc_url=None, openapi_url=None
    )
    add_admin(app, desk, token)

    @app.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "up"}

    @app.get("/ready")
    async def ready(response: Response) -> dict[str, str]:
        why = not_ready()
        if why is not None:
            response.status_code = 503
            response.headers["retry-after"] = "2"
            return {"status": "not ready", "reason": why}
        return {"status": "ready"}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/invokers")
    async def invokers() -> dict[str, str]:
        states = services.balancer.invoker_states()
        return {f"invoker{number}/{number}": states[number] for number in states}

    @app.get("/invokers/healthy/count")
    async def healthy_count() -> Response:
        return Response(str(_healthy(services)[0]), media_type="application/json")

    @app.get("/invokers/ready")
    async def invokers_ready(response: Response) -> Response:
        healthy, known = _healthy(services)
        good = known > 0 and healthy == known
        told = {"healthy" if good else "unhealthy": f"{healthy}/{known}"}
        return Response(
            orjson.dumps(told), 200 if good else 500, media_type="application/json"
        )

    return app


def _healthy(services: Services) -> tuple[int, int]:
    states = services.balancer.invoker_states()
    return sum(state == "up" for state in states.values()), len(states)

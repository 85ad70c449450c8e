"""Starlette, served by uvicorn: asgi.py PARSER PORT"""
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def admin(_):
    return PlainTextResponse("routed admin")


async def users(request):
    return PlainTextResponse("routed users " + request.path_params["user"])


async def other(_):
    return PlainTextResponse("routed other")


app = Starlette(
    routes=[
        Route("/admin", admin),
        Route("/admin/{rest:path}", admin),
        Route("/users/{user}/{rest:path}", users),
        Route("/{rest:path}", other),
    ]
)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), http=sys.argv[1])

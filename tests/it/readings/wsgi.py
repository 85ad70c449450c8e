"""wsgiref, and Werkzeug's development server with its own router: wsgi.py NAME PORT"""
import sys

from common import routed

name, port = sys.argv[1], int(sys.argv[2])


def answer(start_response, text, status="200 OK"):
    start_response(status, [("Content-Type", "text/plain")])
    return [text.encode("utf-8", "surrogateescape")]


if name == "wsgiref":
    from wsgiref.simple_server import make_server

    def app(environ, start_response):
        # WSGI hands the bytes of a path over as Latin-1 (PEP 3333).
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "ignore")
        return answer(start_response, routed(path))

    make_server("127.0.0.1", port, app).serve_forever()
elif name == "werkzeug":
    from werkzeug.exceptions import HTTPException
    from werkzeug.routing import Map, Rule
    from werkzeug.serving import run_simple

    rules = Map(
        [
            Rule("/admin", endpoint="admin"),
            Rule("/admin/<path:rest>", endpoint="admin"),
            Rule("/users/<user>/<path:rest>", endpoint="users"),
            Rule("/<path:rest>", endpoint="other"),
            Rule("/", endpoint="other"),
        ],
        strict_slashes=False,
    )

    def app(environ, start_response):
        try:
            endpoint, values = rules.bind_to_environ(environ).match()
        except HTTPException as raised:
            return raised(environ, start_response)
        if endpoint == "users":
            return answer(start_response, "routed users " + values["user"])
        return answer(start_response, "routed " + endpoint)

    run_simple("127.0.0.1", port, app, threaded=True)

"""CherryPy with its own dispatcher: cherry.py PORT"""
import sys

import cherrypy


class Admin:
    @cherrypy.expose
    def default(self, *_, **__):
        return "routed admin"

    index = default


class Users:
    @cherrypy.expose
    def default(self, user="", *_, **__):
        return "routed users " + user


class Root:
    admin = Admin()
    users = Users()

    @cherrypy.expose
    def default(self, *_, **__):
        return "routed other"

    index = default


cherrypy.config.update(
    {
        "server.socket_host": "127.0.0.1",
        "server.socket_port": int(sys.argv[1]),
        "engine.autoreload.on": False,
        "tools.trailing_slash.on": False,
    }
)
cherrypy.quickstart(Root(), "/", {"/": {"tools.trailing_slash.on": False}})

"""A real RTSP server (GStreamer's) for tests, run by the system's Python: `/usr/bin/python3 rtsp_server.py PORT`.

Debian: gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good
gstreamer1.0-plugins-ugly. Port 0 takes any; the port is printed once it listens. Without an argument it only says
whether all that is installed.
"""

import sys

LAUNCH = (
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96 )"
)


def main(arguments: list[str]) -> int:
    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstRtspServer", "1.0")
        from gi.repository import GLib, Gst, GstRtspServer
    except (ImportError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    Gst.init(None)
    if any(Gst.ElementFactory.find(name) is None for name in ("videotestsrc", "x264enc", "rtph264pay")):
        sys.stderr.write("a GStreamer plugin is missing\n")
        return 1
    if not arguments:
        return 0
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(arguments[0])
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH)
    factory.set_shared(True)
    server.get_mount_points().add_factory("/belt", factory)
    if not server.attach(None):
        sys.stderr.write("the port is taken\n")
        return 1
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

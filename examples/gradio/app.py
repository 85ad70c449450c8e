#!/usr/bin/env python3
"""A tape recorder as people build them with Gradio: it tells how far it is, until it is stopped.

    python app.py [PORT]
"""

import math
import sys
import tempfile
import threading
import wave

import gradio as gr

RATE = 8000
stop = threading.Event()


def record():
    """Tells of every tenth of a second, for a minute at most; ends with a recording of a tone."""
    stop.clear()
    tone = bytearray()
    while len(tone) < 60 * RATE:
        at = len(tone)
        tone += bytes(128 + int(90 * math.sin(2 * math.pi * 440 * n / RATE)) for n in range(at, at + RATE // 10))
        yield f"{len(tone) / RATE:.1f} s", None
        if stop.wait(0.1):
            break
    with tempfile.NamedTemporaryFile(suffix=".wav", delete=False) as file, wave.open(file, "wb") as tape:
        tape.setparams((1, 1, RATE, 0, "NONE", ""))
        tape.writeframes(tone)
    yield "stopped", file.name


with gr.Blocks(title="Tape") as tape:
    told, heard = gr.Textbox(label="Recorded"), gr.Audio(label="Tape")
    gr.Button("Record").click(record, None, [told, heard], api_name="record")
    gr.Button("Stop").click(stop.set, None, None, api_name="stop")

tape.launch(server_name="127.0.0.1", server_port=int((sys.argv[1:] or ["7860"])[0]))

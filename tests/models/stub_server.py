"""A stand-in for the server process: the same protocol, no model. What it does, its "weights" say.

ok: serves; a prompt that says "die" ends it in the middle of the answer, "freeze" stops it there,
"stick" is not answered though it lives, "ponder" only after a while. The answer is the last fact
of the prompt that has the number 1. deaf: and does not end when it should. forgetful: and refuses
to save or restore. refuse, bare, killed, hang, garbage: do not start.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from rag.models.server_process import end_with_parent

end_with_parent(int(sys.argv[1]))
PARAMETERS = json.loads(sys.stdin.readline())
BEHAVIOUR = Path(PARAMETERS["model"]).read_text()
STATES = Path(PARAMETERS["states"])
SLOT = ""
# Seconds: more than any test waits, so that it has to be killed; fewer than for ever.
LONG = 60
PONDERED = 1.5


class Handler(BaseHTTPRequestHandler):
    """Serves one slot, which holds the text it saw last."""

    def do_GET(self) -> None:
        self.answer(200, {"status": "ok"})

    def do_POST(self) -> None:
        global SLOT
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {PARAMETERS['key']}":
            return self.answer(401, {})
        with Path(PARAMETERS["model"] + ".log").open("a") as log:
            log.write(json.dumps([self.path.split("=")[-1], body]) + "\n")
        if self.path.startswith("/slots"):
            if BEHAVIOUR == "forgetful":
                return self.answer(400, {"error": {"message": "no"}})
            state = STATES / body["filename"]
            if self.path.endswith("save"):
                state.write_text(f"[{SLOT}]")
            else:
                text = state.read_text()
                if text[-1:] != "]":
                    os._exit(139)  # as the real one does
                SLOT = text[1:-1]
            return self.answer(200, {})
        prompt = "".join(f"<{message['content']}>" for message in body["messages"])
        pairs = zip(SLOT, prompt, strict=False)
        known = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        SLOT = prompt
        if not body.get("stream"):
            if "die" in prompt:
                os._exit(139)
            timings = {"cache_n": known, "prompt_n": len(prompt) - known}
            tokens = {" Yes": 0.3, "none": 0.4, "No": 0.1}
            likely = [{"token": t, "logprob": math.log(p)} for t, p in tokens.items()]
            words = [] if "silent" in prompt else [{"top_logprobs": likely}]
            choice = {"logprobs": {"content": words}}
            return self.answer(200, {"timings": timings, "choices": [choice]})
        self.stream(prompt)
        return None

    def stream(self, prompt: str) -> None:
        if "stick" in prompt:
            time.sleep(LONG)  # as long as whoever asks has patience
        if "ponder" in prompt:
            time.sleep(PONDERED)  # longer than the tests let it be silent
        facts = re.findall(r"^1\. (.*)", prompt, re.MULTILINE)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        first, _, rest = (facts[-1] if facts else "All well.").partition(" ")
        self.chunk(f"{first} ", None)
        if "die" in prompt:
            os.kill(os.getpid(), signal.SIGKILL)
        if "freeze" in prompt:
            # To this thread: it must not get to write the rest before the others have stopped.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        self.chunk(rest, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def chunk(self, text: str, finish: str | None) -> None:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
        self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
        self.wfile.flush()

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


if BEHAVIOUR == "refuse":
    print("0.00.1 E load: error loading model: tensor is corrupted", file=sys.stderr, flush=True)
    print("0.00.2 E load: exiting", file=sys.stderr, flush=True)
    os._exit(1)
elif BEHAVIOUR == "bare":
    print("libgomp.so.1: cannot open shared object file: No such file", file=sys.stderr, flush=True)
    os._exit(1)
elif BEHAVIOUR == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif BEHAVIOUR == "garbage":
    print("hello", flush=True)
    os._exit(0)
elif BEHAVIOUR == "hang":
    time.sleep(LONG)  # never says where it is: the start has to give it up
    os._exit(0)
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
if BEHAVIOUR == "deaf":
    time.sleep(LONG)  # instead of minding the end of its input: it has to be killed
sys.stdin.read()
os._exit(0)

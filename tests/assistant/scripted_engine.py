"""A process that speaks as the worker of an engine does, and behaves as each prompt tells it: for tests of the seams.

"say TEXT" answers; "die" ends with a status; "hang" never answers; "babble" says what is no JSON; "refuse" is an error
value; "out of turn" answers a request nobody made; "pid" answers with the process's number.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    if asked["spec"] == "scripted:broken":
        print(json.dumps({"error": "weights.bin is missing"}), flush=True)
        return
    print(json.dumps({"ready": {}}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        prompt = request["prompts"][0]["messages"][-1][1]
        if prompt == "die":
            os._exit(3)
        if prompt == "hang":
            time.sleep(60)
        if prompt == "babble":
            print("loading shards: 100%", flush=True)
            continue
        number = request["id"] + (7 if prompt == "out of turn" else 0)
        if prompt == "refuse":
            print(json.dumps({"id": number, "error": "the prompt is too long"}), flush=True)
            continue
        text = str(os.getpid()) if prompt == "pid" else prompt.removeprefix("say ")
        reply = {
            "text": text,
            "finish_reason": "stop",
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "latency_s": 0.0,
            "error": None,
            "cost_usd": None,
        }
        print(json.dumps({"id": number, "result": [reply]}), flush=True)


if __name__ == "__main__":
    main()

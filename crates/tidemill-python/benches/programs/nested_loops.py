"""The word count without an engine: one process, the same three functions, as nested loops. PATH JOBS"""
import json
import sys
import time

BLOCK = 256 << 10


def split(line):
    return line.split(" ")


def pair(word):
    return (word, 1)


def add(a, b):
    return a + b


def count(data):
    counts = {}
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + BLOCK) + 1
        for line in data[start:end].decode().split("\n")[:-1]:
            for word in split(line):
                key, value = pair(word)
                counts[key] = add(counts[key], value) if key in counts else value
        start = end
    return list(counts.items())


with open(sys.argv[1], "rb") as file:
    text = file.read()
times = []
for _ in range(int(sys.argv[2]) + 1):
    start = time.monotonic()
    counts = count(text)
    times.append(time.monotonic() - start)
    print("JOB", flush=True)
print("BENCH", json.dumps({"seconds": times[1:], "words": sum(number for _, number in counts)}))

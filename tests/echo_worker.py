"""A worker for the tests: answers a message with its letters turned around, prints, and ends at `fail`."""

from evalgate.execution.workers import serve


def answer(message: bytes) -> bytes:
    print("not an answer")
    if message == b"fail":
        raise ValueError(message)
    return message[::-1]


if __name__ == "__main__":
    serve(answer)

"""Clients that download a file at the same time, over and over, each at a rate, until their standard input ends.

python -m bench.apps.downloads PORT PATH COUNT BYTES_PER_S
"""

import asyncio
import sys
import time

PIECE_BYTES = 1 << 16


async def download(port: int, path: str, rate: float) -> None:
    """Download, again and again."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=PIECE_BYTES)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        if b" 200 " not in await reader.readline():
            sys.exit("a download was refused")
        began_s, size_bytes = time.monotonic(), 0
        while data := await reader.read(PIECE_BYTES):
            size_bytes += len(data)
            await asyncio.sleep(max(0.0, began_s + size_bytes / rate - time.monotonic()))
        writer.close()


async def main(port: int, path: str, count: int, rate: float) -> None:
    """Run the clients."""
    clients = [asyncio.create_task(download(port, path, rate)) for _ in range(count)]
    print("started", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for client in clients:
        client.cancel()


asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))

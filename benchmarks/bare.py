"""The least that the calls of an edge cost with httpx: a loop that records nothing, tries nothing again, logs nothing.

    python -m benchmarks.bare BASE_URL ACCOUNTS CAMPAIGNS

All accounts side by side, in each one call after the other: its list of campaigns, then a pause for every campaign. It
prints the processor time that this has taken, in seconds.
"""

import asyncio
import sys
import time

import httpx

from benchmarks.calls import company, pause_path


async def _lane(client: httpx.AsyncClient, campaigns: int) -> None:
    (await client.get("/v1/campaign_list")).raise_for_status().json()
    for number in range(campaigns):
        (await client.post(pause_path(number))).raise_for_status()


async def _loop(base_url: str, accounts: int, campaigns: int) -> None:
    secure = httpx.create_ssl_context()
    # A client for each account: in a single one, every call would look through the connections of all.
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    clients = [
        httpx.AsyncClient(
            base_url=base_url, headers=company(number), timeout=60, limits=limits, trust_env=False, verify=secure
        )
        for number in range(accounts)
    ]
    before = time.process_time()
    await asyncio.gather(*(_lane(client, campaigns) for client in clients))
    print(time.process_time() - before)
    for client in clients:
        await client.aclose()


if __name__ == "__main__":
    asyncio.run(_loop(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))

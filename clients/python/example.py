"""Declares a tenant, reads it back, and shows what a mistake looks like.

TENANTRY_SERVER=… TENANTRY_TOKEN=… python example.py
"""

import os

from tenantry_client import AuthenticatedClient
from tenantry_client.api.configuration import write_config
from tenantry_client.api.tenants import list_tenants
from tenantry_client.models import AppliedDocument, Problem, TenantPage, TenantryConfiguration

TENANT = "typed-py"


def main() -> None:
    client = AuthenticatedClient(
        base_url=os.environ.get("TENANTRY_SERVER", "http://127.0.0.1:7400"),
        token=os.environ.get("TENANTRY_TOKEN", ""),
    )
    document = {"tenant_config": {"tenant": TENANT, "autoscaling": {"max_replicas": 7}}}
    body = TenantryConfiguration.from_dict(document)
    written = write_config.sync(TENANT, client=client, body=body, reason="an example")
    if not isinstance(written, AppliedDocument):
        raise SystemExit(f"not written: {written}")
    print(f"{written.document}: revision {written.revision}")

    names: list[str] = []
    cursor: str | None = None
    while True:
        page = list_tenants.sync(client=client, limit=1, cursor=cursor)
        if not isinstance(page, TenantPage):
            raise SystemExit(f"no page: {page}")
        names.extend(tenant.id for tenant in page.items if isinstance(tenant.id, str))
        if not isinstance(page.next_, str):
            break
        cursor = page.next_
    print("tenants:", ", ".join(names))
    if TENANT not in names:
        raise SystemExit("what was written is not there")

    document = {"tenant_config": {"tenant": TENANT, "autoscaling": {"min_replicas": 9, "max_replicas": 7}}}
    refused = write_config.sync(TENANT, client=client, body=TenantryConfiguration.from_dict(document))
    if not isinstance(refused, Problem):
        raise SystemExit("limits that contradict each other were taken")
    print(f"refused: {refused.code}")


main()

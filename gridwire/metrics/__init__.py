"""Every metric that any role exposes: the one catalogue. Names are the field's own, units are base units.

Labels are bounded: platforms, routes, operations, flows, topics and partitions come from the configuration; free
text (a reason, an event type a platform invented) goes through a `Bounded` first. No label ever holds personal data.
"""

from prometheus_client.metrics import MetricWrapperBase

from gridwire.metrics import clients, connectors, streams
from gridwire.metrics.clients import *  # noqa: F403 - one name space, whatever the subject
from gridwire.metrics.connectors import *  # noqa: F403 - one name space, whatever the subject
from gridwire.metrics.kinds import *  # noqa: F403 - one name space, whatever the subject
from gridwire.metrics.streams import *  # noqa: F403 - one name space, whatever the subject

SUBJECTS = (connectors, streams, clients)
CATALOGUE: tuple[MetricWrapperBase, ...] = tuple(
    value
    for subject in SUBJECTS
    for value in vars(subject).values()
    if isinstance(value, MetricWrapperBase)
)

"""A message whose header has a name that is no UTF-8. No Python client writes one; librdkafka in C does."""

import ctypes
from pathlib import Path

import confluent_kafka
import pytest

FLUSH_MS = 20_000
# Tags of `rd_kafka_producev`, from librdkafka's rdkafka.h.
END, TOPIC, PARTITION, VALUE, KEY, MSGFLAGS, HEADERS = 0, 1, 3, 4, 5, 7, 10
COPY = 2
NAME = b"\xff\xfe"


def _library() -> ctypes.CDLL:
    beside = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    found = sorted(beside.glob("librdkafka*"))
    if not found:
        pytest.skip("needs the librdkafka of confluent-kafka's wheel: pip install confluent-kafka")
    library = ctypes.CDLL(str(found[0]))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


def produce(bootstrap: str, topic: str, key: bytes, value: bytes) -> None:
    """Writes it to partition 0, beside a header that can be read."""
    library, said = _library(), ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    library.rd_kafka_conf_set(conf, b"bootstrap.servers", bootstrap.encode(), said, 512)
    producer = ctypes.c_void_p(library.rd_kafka_new(0, conf, said, 512))
    assert producer.value, said.value
    try:
        headers = ctypes.c_void_p(library.rd_kafka_headers_new(ctypes.c_size_t(2)))
        for name in (b"readable", NAME):
            size = ctypes.c_ssize_t(len(name))
            library.rd_kafka_header_add(headers, name, size, b"v", ctypes.c_ssize_t(1))
        parts: list[object] = [TOPIC, ctypes.c_char_p(topic.encode()), PARTITION, 0]
        for tag, content in ((KEY, key), (VALUE, value)):
            parts += [tag, ctypes.c_char_p(content), ctypes.c_size_t(len(content))]
        parts += [MSGFLAGS, COPY, HEADERS, headers, END]
        assert library.rd_kafka_producev(producer, *parts) == 0
        assert library.rd_kafka_flush(producer, FLUSH_MS) == 0
    finally:
        library.rd_kafka_destroy(producer)

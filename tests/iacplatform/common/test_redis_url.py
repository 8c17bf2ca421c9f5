import pytest

from iacplatform.common.redis_url import broker_url


@pytest.mark.parametrize(
    ("redis_url", "expected"),
    [
        ("redis://:secret@host:6379/4", "redis://:secret@host:6379/4"),
        ("rediss://host/0", "rediss://host/0"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("unix://:secret@/a/b.sock?db=1", "redis+socket://:secret@/a/b.sock?virtual_host=1"),
    ],
)
def test_celery_gets_the_same_redis(redis_url: str, expected: str) -> None:
    assert broker_url(redis_url) == expected

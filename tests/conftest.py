"""Settings that all tests share."""

from hypothesis import HealthCheck, settings

# a test says something about the library, not about how busy the machine is
settings.register_profile("any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_machine")

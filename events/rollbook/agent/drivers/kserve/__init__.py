"""The driver `kserve`: an InferenceService on Kubernetes serves the versions."""

from rollbook.agent.drivers.kserve.rollout import KserveDriver

__all__ = ["KserveDriver"]

"""The driver `mlflow`: an alias of MLflow's model registry names what is served."""

from rollbook.agent.drivers.mlflow.alias import MlflowDriver

__all__ = ["MlflowDriver"]

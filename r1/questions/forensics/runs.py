"""Every arm asks something else."""

from r1.questions.arm import Arm, Outcome
from r1.questions.forensics import causes, membership, teachers
from r1.questions.forensics.settings import Settings

_ARMS = {"membership": membership.run, "teacher": teachers.run, "cause": causes.run}


def run(arm: Arm[Settings]) -> Outcome:
    """Run an arm; see the module of its name for its tables."""
    return _ARMS[arm.settings.arms[arm.name].asks](arm)

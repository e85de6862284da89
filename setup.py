"""What pyproject.toml cannot say: a wheel has the workflow in it, as a clone has it, in the place of a package."""

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

WORKFLOW = "starpop.workflow"


class WithoutModulesOfTheClone(build_py):
    """Files that lie in a clone beside the workflow, as this one, are no modules of a package."""

    def find_package_modules(self, package, package_dir):
        """List a package's modules."""
        return [] if package == WORKFLOW else super().find_package_modules(package, package_dir)


setup(
    packages=[*find_packages("workflow/src"), WORKFLOW],
    package_dir={"": "workflow/src", WORKFLOW: "."},
    cmdclass={"build_py": WithoutModulesOfTheClone},
)

"""What the launcher of the Flex Template runs: all of it is in the package, nothing here."""

import sys

from pipelines.template import launch

sys.exit(launch(sys.argv[1:]))

"""`python -m cogread`."""

from cogread.cli.crop import crop_command
from cogread.cli.main import main

main.add_command(crop_command)

if __name__ == "__main__":
    main(prog_name="python -m cogread")

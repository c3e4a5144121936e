"""`python -m cogread`."""

from cogread.cli.main import main

if __name__ == "__main__":
    main(prog_name="python -m cogread")

"""`python -m r1`: the commands beside the stages."""

from r1.pipeline.cli import main

if __name__ == "__main__":
    main()

"""`python -m r1`: commands other than the stages."""

from r1.pipeline.cli import main

if __name__ == "__main__":
    main()

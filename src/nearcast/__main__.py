"""python -m nearcast"""

from nearcast.cli import main

main()

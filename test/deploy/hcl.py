"""Prints a Terraform file as JSON: hcl.py FILE"""

import json
import sys

import hcl2

with open(sys.argv[1], encoding="utf-8") as file:
    print(json.dumps(hcl2.load(file)))

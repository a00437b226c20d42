"""Prints a SAM template as it is and as CloudFormation gets it, and samconfig.toml, as JSON: template.py TEMPLATE [SAMCONFIG]"""

import copy
import json
import sys

import tomlkit
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

with open(sys.argv[1], encoding="utf-8") as file:
    source = yaml_parse(file.read())
packaged = copy.deepcopy(source)
for resource in packaged["Resources"].values():
    for uri in ("CodeUri", "DefinitionUri"):
        if uri in resource.get("Properties", {}):
            resource["Properties"][uri] = "s3://files/packaged"
config = {}
if len(sys.argv) > 2:
    with open(sys.argv[2], encoding="utf-8") as file:
        config = tomlkit.load(file).unwrap()
    del config["version"]
print(json.dumps({"source": source, "deployed": Translator({}, Parser()).translate(packaged, {}), "config": config}, default=str))

"""Prints a SAM template as it is and as CloudFormation gets it, and samconfig.toml, as JSON: template.py TEMPLATE SAMCONFIG

On standard input is a list of sets of parameters. The template is printed as CloudFormation gets it with each of them,
and under "deployed" with no parameter."""

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
with open(sys.argv[2], encoding="utf-8") as file:
    config = tomlkit.load(file).unwrap()
del config["version"]


def transform(parameters):
    return Translator({}, Parser()).translate(copy.deepcopy(packaged), parameters)


sets = [transform(parameters) for parameters in json.load(sys.stdin) or []]
print(json.dumps({"source": source, "deployed": transform({}), "with": sets, "config": config}, default=str))

#!/usr/bin/env python3
"""Checks Kubernetes YAML without a cluster; prints what is wrong, one line each, and ends with 1 when something is.

    manifests.py schema CRD_DIR FILE...   the objects of these CRDs against them, unknown fields included
    manifests.py rules FILE...            what this project promises: no wildcard in a role, every container restricted and with
                                     command, resources and a fixed image, every reference and argument of a template met
    manifests.py images FILE...           print every image
    manifests.py flow FILE FROM TO PORT   whether the NetworkPolicies of FILE let pods with the labels FROM ("a=b,c=d") reach
                                     those with TO there: prints "allowed" or "denied"
"""
import glob
import re
import sys

try:
    import yaml
except ImportError:
    sys.exit("manifests.py: python3 has no module yaml")

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
problems = []


def documents(files):
    for path in files:
        with open(path, encoding="utf-8") as file:
            yield from (d for d in yaml.load_all(file, Loader) if d)


def name_of(document):
    return f"{document['kind']}/{document['metadata'].get('name', document['metadata'].get('generateName'))}"


# --- schema -----------------------------------------------------------------------------------------------------------
TYPES = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "object": dict, "array": list}


def check(value, schema, path):
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, (int, str)) or isinstance(value, bool):
            problems.append(f"{path}: expected a number or a text")
        return
    wanted = TYPES.get(schema.get("type"))
    if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)):
        problems.append(f"{path}: expected {schema['type']}, found {type(value).__name__}")
        return
    if "enum" in schema and value not in schema["enum"]:
        problems.append(f"{path}: expected one of {schema['enum']}, found {value!r}")
    if isinstance(value, dict):
        check_object(value, schema, path)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            check(item, schema.get("items", {}), f"{path}[{i}]")


def check_object(value, schema, path):
    properties, more = schema.get("properties", {}), schema.get("additionalProperties")
    for key in schema.get("required", []):
        if key not in value:
            problems.append(f"{path}: {key} is missing")
    for key, item in value.items():
        if key in properties:
            check(item, properties[key], f"{path}.{key}")
        elif isinstance(more, dict):
            check(item, more, f"{path}.{key}")
        elif not more and properties and not schema.get("x-kubernetes-preserve-unknown-fields"):
            problems.append(f"{path}: unknown field {key}")


def schemas(folder):
    found = {}
    for path in glob.glob(folder + "/*_*.yaml"):
        for crd in documents([path]):
            version = crd["spec"]["versions"][0]
            key = crd["spec"]["group"] + "/" + version["name"], crd["spec"]["names"]["kind"]
            found[key] = version["schema"]["openAPIV3Schema"]
    return found


def command_schema(folder, files):
    known, count = schemas(folder), 0
    if not known:
        problems.append(f"{folder}: no CRDs there")
    for document in documents(files):
        key = document["apiVersion"], document["kind"]
        if key not in known:
            continue
        count += 1
        schema = dict(known[key])
        body = {k: v for k, v in document.items() if k != "metadata"}
        schema["required"] = [k for k in schema.get("required", []) if k != "metadata"]
        check(body, schema, name_of(document))
    print(f"{count} objects")


# --- rules ------------------------------------------------------------------------------------------------------------
def check_container(container, pod, where):
    where = f"{where}: container {container.get('name', 'main')}"
    context, pod_context = container.get("securityContext", {}), pod.get("securityContext", {})

    def promise(holds, text):
        if not holds:
            problems.append(f"{where}: {text}")

    promise(container.get("command"), "no command")
    promise(re.search(r":[0-9][^/]*$", container.get("image", "")), f"image {container.get('image')} has no fixed tag")
    resources = container.get("resources", {})
    promise({"cpu", "memory"} <= set(resources.get("requests", {})) and "memory" in resources.get("limits", {}), "no resources")
    promise(context.get("allowPrivilegeEscalation") is False, "allowPrivilegeEscalation is not false")
    promise(context.get("readOnlyRootFilesystem") is True, "the root can be written")
    promise(context.get("capabilities") == {"drop": ["ALL"]}, "capabilities are not dropped")
    promise(not context.get("privileged"), "privileged")
    promise(pod_context.get("runAsNonRoot") is True and pod_context.get("runAsUser", 0) > 0, "may run as root")
    promise(pod_context.get("seccompProfile") == {"type": "RuntimeDefault"}, "no seccomp profile")


def check_pod(pod, where):
    for container in pod.get("initContainers", []) + pod.get("containers", []):
        check_container(container, pod, where)
    for volume in pod.get("volumes", []):
        if "hostPath" in volume:
            problems.append(f"{where}: volume {volume['name']} is a folder of the host")
    if "serviceAccountName" not in pod:
        problems.append(f"{where}: no service account of its own")


def check_role(document):
    for rule in document["rules"]:
        for key in ("apiGroups", "resources", "verbs", "resourceNames"):
            if any("*" in value for value in rule.get(key, [])):
                problems.append(f"{name_of(document)}: a wildcard in {key}")


def check_template(template, where):
    """Of a WorkflowTemplate: its pod, and that each {{inputs.parameters.X}} is an input."""
    inputs = {p["name"] for p in template.get("inputs", {}).get("parameters", [])}
    for used in re.findall(r"inputs\.parameters\.([\w-]+)", yaml.dump({k: v for k, v in template.items() if k != "inputs"})):
        if used not in inputs:
            problems.append(f"{where}: {used} is no input parameter")
    if "container" in template:
        check_container(template["container"], template, where)
    if "container" in template or "resource" in template:
        if "serviceAccountName" not in template:
            problems.append(f"{where}: no service account of its own")
        if "activeDeadlineSeconds" not in template:
            problems.append(f"{where}: no deadline")
        if "retryStrategy" not in template:
            problems.append(f"{where}: no retries")
    if "resource" in template:
        values = {p["name"]: p.get("value", "x") for p in template["inputs"]["parameters"]}
        text = re.sub(r"{{inputs\.parameters\.([\w-]+)}}", lambda m: values[m[1]], template["resource"]["manifest"])
        for document in yaml.load_all(text, Loader):
            check_document(document, {})


def check_call(call, templates, own, where):
    """A step or task: the template exists, takes the arguments, and gets all that have no default."""
    if "templateRef" in call:
        target = templates.get((call["templateRef"]["name"], call["templateRef"]["template"]))
    else:
        target = own.get(call.get("template"))
    if target is None:
        problems.append(f"{where}: {call['name']} calls a template that is not there")
        return
    inputs = {p["name"]: p for p in target.get("inputs", {}).get("parameters", [])}
    given = {p["name"] for p in call.get("arguments", {}).get("parameters", [])}
    for extra in given - set(inputs):
        problems.append(f"{where}: {call['name']} passes {extra}, which is not taken")
    for name, parameter in inputs.items():
        if name not in given and "value" not in parameter and "default" not in parameter:
            problems.append(f"{where}: {call['name']} does not pass {name}")


def calls(template):
    yield from template.get("dag", {}).get("tasks", [])
    for group in template.get("steps", []):
        yield from group


def check_workflow_template(document, templates):
    spec, where = document["spec"], name_of(document)
    own = {t["name"]: t for t in spec["templates"]}
    if spec["entrypoint"] not in own:
        problems.append(f"{where}: the entrypoint {spec['entrypoint']} is not there")
    for parameter in spec.get("arguments", {}).get("parameters", []):
        if not parameter.get("description"):
            problems.append(f"{where}: parameter {parameter['name']} has no description")
    for template in spec["templates"]:
        check_template(template, f"{where}/{template['name']}")
        for call in calls(template):
            check_call(call, templates, own, f"{where}/{template['name']}")
    for name, hook in spec.get("hooks", {}).items():
        check_call({"name": name, **hook}, templates, own, where)


def check_document(document, templates):
    kind = document["kind"]
    if kind in ("Role", "ClusterRole"):
        check_role(document)
    elif kind in ("Deployment", "StatefulSet", "Job", "DaemonSet"):
        check_pod(document["spec"]["template"]["spec"], name_of(document))
    elif kind == "WorkflowTemplate":
        check_workflow_template(document, templates)
    elif kind in ("Workflow", "CronWorkflow"):
        check_thin(document, templates)
    elif kind == "Secret" and document.get("data", document.get("stringData")):
        problems.append(f"{name_of(document)}: a Secret with content")


def check_thin(document, templates):
    spec = document["spec"].get("workflowSpec", document["spec"])
    name = spec.get("workflowTemplateRef", {}).get("name")
    declared = templates.get((name, None))
    if declared is None:
        problems.append(f"{name_of(document)}: references {name}, which is not there")
        return
    for parameter in spec.get("arguments", {}).get("parameters", []):
        if parameter["name"] not in declared:
            problems.append(f"{name_of(document)}: sets {parameter['name']}, which {name} does not declare")


def command_rules(files):
    everything, templates = list(documents(files)), {}
    for document in everything:
        if document["kind"] == "WorkflowTemplate":
            name, spec = document["metadata"]["name"], document["spec"]
            templates[name, None] = {p["name"] for p in spec.get("arguments", {}).get("parameters", [])}
            templates.update({(name, t["name"]): t for t in spec["templates"]})
    for document in everything:
        check_document(document, templates)
    print(f"{len(everything)} objects")


# --- network policies -------------------------------------------------------------------------------------------------
def labels_of(text):
    return dict(pair.split("=", 1) for pair in text.split(","))


def selects(selector, labels):
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for term in selector.get("matchExpressions", []):
        holds = {"In": labels.get(term["key"]) in term.get("values", []), "Exists": term["key"] in labels}
        if not holds[term["operator"]]:
            return False
    return True


def lets(policies, labels, direction, peer, port):
    """One direction: a pod that no policy names for it is free, one that is named needs a rule. Peers are of its namespace."""
    named = [p["spec"] for p in policies if direction in p["spec"]["policyTypes"] and selects(p["spec"]["podSelector"], labels)]
    for spec in named:
        for rule in spec.get(direction.lower(), []):
            peers = rule.get("from" if direction == "Ingress" else "to")
            near = peers is None or any("podSelector" in p and selects(p["podSelector"], peer) for p in peers)
            if near and any(p["port"] == port for p in rule.get("ports", [{"port": port}])):
                return True
    return not named


def command_flow(file, source, target, port):
    policies = [d for d in documents([file]) if d["kind"] == "NetworkPolicy"]
    source, target, port = labels_of(source), labels_of(target), int(port)
    allowed = lets(policies, source, "Egress", target, port) and lets(policies, target, "Ingress", source, port)
    print("allowed" if allowed else "denied")


def images(value):
    if isinstance(value, dict):
        if isinstance(value.get("image"), str):
            yield value["image"]
        if value.get("name") == "image" and "value" in value:
            yield value["value"]
        for item in value.values():
            yield from images(item)
    elif isinstance(value, list):
        for item in value:
            yield from images(item)


def main():
    command, rest = sys.argv[1], sys.argv[2:]
    if command == "schema":
        command_schema(rest[0], rest[1:])
    elif command == "rules":
        command_rules(rest)
    elif command == "flow":
        command_flow(*rest)
    elif command == "images":
        print("\n".join(sorted(set(images(list(documents(rest)))))))
    print("\n".join(problems[:50]), end="\n" if problems else "")
    sys.exit(1 if problems else 0)


main()

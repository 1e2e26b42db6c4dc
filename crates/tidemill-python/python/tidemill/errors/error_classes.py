"""Error classes and their texts, under PySpark's names, so far as anything here raises them."""

from __future__ import annotations

import re

_TEXTS = {
    "APPLICATION_NAME_NOT_SET": "An application name must be set in your configuration.",
    "ARGUMENT_REQUIRED": "Argument `<arg_name>` is required when <condition>.",
    "ATTRIBUTE_NOT_CALLABLE": "Attribute `<attr_name>` in provided object `<obj_name>` is not callable.",
    "ATTRIBUTE_NOT_SUPPORTED": "Attribute `<attr_name>` is not supported.",
    "BROADCAST_VARIABLE_NOT_LOADED": "Broadcast variable `<variable>` not loaded.",
    "CALL_BEFORE_INITIALIZE": "Not supported to call `<func_name>` before initialize <object>.",
    "CANNOT_BE_EMPTY": "At least one <item> must be specified.",
    "CANNOT_BE_NONE": "Argument `<arg_name>` can not be None.",
    "CANNOT_CONVERT_TYPE": "Cannot convert <from_type> into <to_type>.",
    "CANNOT_OPEN_SOCKET": "Can not open socket: <errors>.",
    "CANNOT_SET_TOGETHER": "<arg_list> should not be set together.",
    "CONTEXT_ONLY_VALID_ON_DRIVER": (
        "It appears that you are attempting to reference SparkContext from a broadcast variable, action, or "
        "transformation. SparkContext can only be used on the driver, not in code that it run on workers. For"
        " more information, see SPARK-5063."
    ),
    "DISALLOWED_TYPE_FOR_CONTAINER": (
        "Argument `<arg_name>`(type: <arg_type>) should only contain a type in [<allowed_types>], got "
        "<return_type>"
    ),
    "INCORRECT_CONF_FOR_PROFILE": (
        "`spark.python.profile` or `spark.python.profile.memory` configuration\n"
        " must be set to `true` to enable Python profile."
    ),
    "INVALID_BROADCAST_OPERATION": "Broadcast can only be <operation> in driver.",
    "INVALID_TYPE": "Argument `<arg_name>` should not be a <data_type>.",
    "KEY_VALUE_PAIR_REQUIRED": "Key-value pair or a list of pairs is required.",
    "MASTER_URL_NOT_SET": "A master URL must be set in your configuration.",
    "MISSING_LIBRARY_FOR_PROFILER": (
        "Install the 'memory_profiler' library in the cluster to enable memory profiling."
    ),
    "NEGATIVE_VALUE": "Value for `<arg_name>` must be greater than or equal to 0, got '<arg_value>'.",
    "NOT_BOOL": "Argument `<arg_name>` should be a bool, got <arg_type>.",
    "NOT_BOOL_OR_STR": "Argument `<arg_name>` should be a bool or str, got <arg_type>.",
    "NOT_CALLABLE": "Argument `<arg_name>` should be a callable, got <arg_type>.",
    "NOT_DICT": "Argument `<arg_name>` should be a dict, got <arg_type>.",
    "NOT_FLOAT_OR_INT": "Argument `<arg_name>` should be a float or int, got <arg_type>.",
    "NOT_IMPLEMENTED": "<feature> is not implemented.",
    "NOT_INSTANCE_OF": "<value> is not an instance of type <data_type>.",
    "NOT_INT": "Argument `<arg_name>` should be an int, got <arg_type>.",
    "NOT_IN_BARRIER_STAGE": "It is not in a barrier stage.",
    "NOT_ITERABLE": "<objectName> is not iterable.",
    "NOT_LIST": "Argument `<arg_name>` should be a list, got <arg_type>.",
    "NOT_LIST_OF_STR": "Argument `<arg_name>` should be a list[str], got <arg_type>.",
    "NOT_LIST_OR_TUPLE": "Argument `<arg_name>` should be a list or tuple, got <arg_type>.",
    "NOT_SAME_TYPE": (
        "Argument `<arg_name1>` and `<arg_name2>` should be the same type, got <arg_type1> and <arg_type2>."
    ),
    "NOT_STR": "Argument `<arg_name>` should be a str, got <arg_type>.",
    "NOT_STR_OR_LIST_OF_RDD": "Argument `<arg_name>` should be a str or list[RDD], got <arg_type>.",
    "PIPE_FUNCTION_EXITED": "Pipe function `<func_name>` exited with error code <error_code>.",
    "PYTHON_HASH_SEED_NOT_SET": "Randomness of hash of string should be disabled via PYTHONHASHSEED.",
    "PYTHON_VERSION_MISMATCH": (
        "Python in worker has different version <worker_version> than that in driver <driver_version>, "
        "PySpark cannot run with different minor versions.\n"
        "Please check environment variables PYSPARK_PYTHON and PYSPARK_DRIVER_PYTHON are correctly set."
    ),
    "RDD_TRANSFORM_ONLY_VALID_ON_DRIVER": (
        "It appears that you are attempting to broadcast an RDD or reference an RDD from an \n"
        "action or transformation. RDD transformations and actions can only be invoked by the \n"
        "driver, not inside of other transformations; for example, \n"
        "rdd1.map(lambda x: rdd2.values.count() * x) is invalid because the values \n"
        "transformation and count action cannot be performed inside of the rdd1.map \n"
        "transformation. For more information, see SPARK-5063."
    ),
    "SLICE_WITH_STEP": "Slice with step is not supported.",
    "STOP_ITERATION_OCCURRED": "Caught StopIteration thrown from user's code; failing the task: <exc>",
    "TOO_MANY_VALUES": "Expected <expected> values for `<item>`, got <actual>.",
    "UNEXPECTED_RESPONSE_FROM_SERVER": "Unexpected response from iterator server.",
    "UNKNOWN_RESPONSE": "Unknown response: <response>.",
    "UNSUPPORTED_OPERATION": "<operation> is not supported.",
    "UNSUPPORTED_SIGNATURE": "Unsupported signature: <signature>.",
    "VALUE_NOT_ACCESSIBLE": "Value `<value>` cannot be accessed inside tasks.",
    "VALUE_NOT_BETWEEN": "Value for `<arg_name>` must be between <min> and <max>.",
    "VALUE_NOT_NON_EMPTY_STR": "Value for `<arg_name>` must be a non empty string, got '<arg_value>'.",
    "VALUE_NOT_POSITIVE": "Value for `<arg_name>` must be positive, got '<arg_value>'.",
    "VALUE_NOT_TRUE": "Value for `<arg_name>` must be True, got '<arg_value>'.",
    "VALUE_OUT_OF_BOUND": (
        "Value for `<arg_name>` must be greater than <lower_bound> or less than <upper_bound>, got <actual>"
    ),
    "JVM_ATTRIBUTE_NOT_SUPPORTED": (
        "Attribute `<attr_name>` is not supported in Spark Connect as it depends on the JVM. If you need to "
        "use this attribute, do not use Spark Connect when creating your session."
    ),
}

#: PySpark's shape of the same: the text of a class as the lines of its message.
ERROR_CLASSES_MAP: dict[str, dict[str, list[str]]] = {
    name: {"message": text.split("\n")} for name, text in _TEXTS.items()
}

_PARAMETER = re.compile("<([a-zA-Z0-9_-]+)>")


def message_of(error_class: str, parameters: dict[str, str]) -> str:
    """The text of `error_class` with `parameters` filled in.

    Raises ValueError for a class that is not here, and AssertionError where the names of the parameters are not those
    that the text asks for.

    >>> from tidemill.errors.error_classes import message_of
    >>> message_of("NOT_INT", {"arg_name": "n", "arg_type": "str"})
    'Argument `n` should be an int, got str.'
    """
    text = _TEXTS.get(error_class)
    if text is None:
        raise ValueError("Cannot find main error class '%s'" % error_class)
    asked = set(_PARAMETER.findall(text))
    if asked != set(parameters):
        raise AssertionError(
            "Undefined error message parameter for error class: %s. Parameters: %s" % (error_class, parameters)
        )
    return _PARAMETER.sub(lambda found: str(parameters[found.group(1)]), text)

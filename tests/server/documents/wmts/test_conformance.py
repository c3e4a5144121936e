"""OGC's conformance suite for WMTS 1.0.0 (opengeospatial/ets-wmts10): common operations and GetCapabilities, by GET.

One test for each of the suite's tests, named as there; what it asserts is said there. Those of legends, themes' layers,
sample dimensions and feature info have nothing here to be asked of, and POST and SOAP are not offered.
"""

from itertools import permutations

import pytest
from flask.testing import FlaskClient

from tests.support.ogc import NAMESPACES, Element, texts
from tests.support.wmts import GET_CAPABILITIES, REST, assert_exception, capabilities, kvp

SECTIONS = ["ServiceIdentification", "ServiceProvider", "OperationsMetadata", "Contents"]


def asking(**more: str) -> str:
    return kvp({**GET_CAPABILITIES, **more})


def sections(root: Element) -> list[str]:
    return [child.tag.partition("}")[2] for child in root]


def test_Server_KVP_GET_InvalidQueryString(app: FlaskClient) -> None:
    assert_exception(
        app.get("/wmts?service=WMTS&request~GetCapabilities!version~1.0.0"), "MissingParameterValue", "request"
    )


def test_Server_KVP_GET_InvalidService(app: FlaskClient) -> None:
    assert_exception(app.get(asking(service="BOGUS")), "InvalidParameterValue", "service")


def test_Server_KVP_GET_InvalidRequest(app: FlaskClient) -> None:
    assert_exception(app.get(asking(request="GetBOGUS")), "InvalidParameterValue", "request")


def test_Server_RESTful_HTTP_Mandatory(app: FlaskClient) -> None:
    assert app.get(REST, headers={"Accept": "example/unknown"}).status_code == 406


@pytest.mark.parametrize("accept", ["application/xml", "text/xml", "*/*", "text/html,application/*;q=0.5", ""])
def test_who_accepts_xml_gets_it(accept: str, app: FlaskClient) -> None:
    assert app.get(REST, headers={"Accept": accept}).content_type == "application/xml"


def test_Server_RESTful_InvalidQueryString(app: FlaskClient) -> None:
    assert app.get(f"{REST}/Bogus").status_code == 404


def test_Server_KVP_GET_GetCapabilities_Request_Mandatory(app: FlaskClient) -> None:
    assert set(sections(capabilities(app, asking(AcceptVersions="1.0.0")))) >= set(SECTIONS)


def test_Server_KVP_GET_GetCapabilities_Request_NoService(app: FlaskClient) -> None:
    reply = app.get("/wmts?request=GetCapabilities&AcceptVersions=1.0.0")
    assert_exception(reply, "MissingParameterValue", "service")


def test_Server_KVP_GET_GetCapabilities_Request_InvalidService(app: FlaskClient) -> None:
    assert_exception(app.get(asking(service="BOGUS", AcceptVersions="1.0.0")), "InvalidParameterValue", "service")


@pytest.mark.parametrize("versions", ["1.0.0", "1.0.0,2.0.0", "3.4.5,1.0.0"])
def test_Server_KVP_GET_GetCapabilities_Request_AcceptVersions_Valid(versions: str, app: FlaskClient) -> None:
    assert capabilities(app, asking(AcceptVersions=versions)).get("version") == "1.0.0"


def test_Server_KVP_GET_GetCapabilities_Request_AcceptVersions_Invalid(app: FlaskClient) -> None:
    assert_exception(app.get(asking(acceptversions="1.0.1,1.0.2")), "VersionNegotiationFailed", None)


def test_Server_KVP_GET_GetCapabilities_Request_CaseInsensitive_KVP_Names(app: FlaskClient) -> None:
    spellings = zip(
        ("SERVICE", "SeRvIcE", "service"),
        ("RequesT", "request", "REQUEST"),
        ("acceptversions", "ACCEPTVERSIONS", "AcceptVersions"),
        strict=True,
    )
    replies = {
        app.get(kvp(dict(pairs))).data
        for names in spellings
        for pairs in permutations(zip(names, ("WMTS", "GetCapabilities", "1.0.0"), strict=True))
    }
    assert replies == {app.get(asking()).data}


@pytest.mark.parametrize("spelling", ["All", "all", "ALL", "Contents,All"])
def test_Server_KVP_GET_GetCapabilities_Request_Sections_All(spelling: str, app: FlaskClient) -> None:
    assert app.get(asking(sections=spelling)).data == app.get(asking()).data


@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_Server_KVP_GET_GetCapabilities_Request_Sections_ServiceIdentification(
    change: type[str], app: FlaskClient
) -> None:
    names = sections(capabilities(app, asking(sections=change("ServiceIdentification"))))
    assert names == ["ServiceIdentification"]


def test_Server_KVP_GET_GetCapabilities_Request_Sections_ServiceProvider(app: FlaskClient) -> None:
    assert sections(capabilities(app, asking(sections="ServiceProvider"))) == ["ServiceProvider"]


def test_Server_KVP_GET_GetCapabilities_Request_Sections_OperationsMetadata(app: FlaskClient) -> None:
    assert sections(capabilities(app, asking(sections="OperationsMetadata"))) == ["OperationsMetadata"]


def test_Server_KVP_GET_GetCapabilities_Request_Sections_Contents(app: FlaskClient) -> None:
    assert sections(capabilities(app, asking(sections="Contents"))) == ["Contents"]


def test_Server_KVP_GET_GetCapabilities_Request_Sections_Themes(app: FlaskClient) -> None:
    assert sections(capabilities(app, asking(sections="Themes"))) == ["Themes"]


def test_Server_KVP_GET_GetCapabilities_Request_Sections_Multiple(app: FlaskClient) -> None:
    assert sections(capabilities(app, asking(sections="Contents,Themes"))) == ["Contents", "Themes"]


def test_Server_KVP_GET_GetCapabilities_Request_Sections_Invalid(app: FlaskClient) -> None:
    assert_exception(app.get(asking(sections="Bogus", acceptversions="1.0.0")), "InvalidParameterValue", "sections")


def test_Server_KVP_GET_GetCapabilities_Request_Sections_Missing(app: FlaskClient) -> None:
    assert_exception(app.get(asking(sections="", acceptversions="1.0.0")), "MissingParameterValue", "sections")


def test_Server_KVP_GET_GetCapabilities_Request_UpdateSequence(app: FlaskClient, root: Element) -> None:
    """As the suite makes lesser and greater ones: by another first character."""
    current = root.get("updateSequence")
    equal = capabilities(app, asking(updateSequence=current))
    assert (len(equal), dict(equal.attrib)["version"], equal.get("updateSequence")) == (0, "1.0.0", current)
    lesser, greater = (chr(ord(current[0]) + step) + current[1:] for step in (-1, 1))
    assert app.get(asking(updateSequence=lesser)).data == app.get(asking()).data
    assert_exception(app.get(asking(updateSequence=greater)), "InvalidUpdateSequence", None)


def test_Server_KVP_GET_GetCapabilities_Request_AcceptFormats(app: FlaskClient) -> None:
    for formats in ("application/xml", "bogus/xml", "text/plain,application/xml"):
        reply = app.get(asking(AcceptFormats=formats))
        assert reply.headers["Content-Type"] == "application/xml"
        assert reply.data == app.get(asking()).data


def test_Server_KVP_GET_GetCapabilities_Response_XML_Well_Formed(app: FlaskClient) -> None:
    assert capabilities(app, asking()).tag == f"{{{NAMESPACES['wmts']}}}Capabilities"


def test_Server_KVP_GET_GetCapabilities_Response_SchemaReferenced(root: Element) -> None:
    assert "wmts.xsd" in root.get("{http://www.w3.org/2001/XMLSchema-instance}schemaLocation")


def test_Server_KVP_GET_GetCapabilities_Response_SchemaValid(app: FlaskClient) -> None:
    for url in (asking(), REST):
        capabilities(app, url)


def test_Server_KVP_GET_GetCapabilities_Response_AdvertisedFormat(root: Element) -> None:
    path = "//ows:Operation[@name='GetCapabilities']/ows:Parameter[@name='AcceptFormats']//ows:Value"
    assert texts(root, path) == ["application/xml"]


def test_Server_KVP_GET_GetCapabilities_Response_OnlineResource(root: Element) -> None:
    urls = texts(root, "//ows:OperationsMetadata//ows:Get/@xlink:href")
    assert urls == ["http://localhost/wmts?"] * 2


def test_Server_KVP_GET_GetCapabilities_Response_Encoding_Constraint(root: Element) -> None:
    for operation in ("GetCapabilities", "GetTile"):
        path = f"//ows:Operation[@name='{operation}']//ows:Get/ows:Constraint[@name='GetEncoding']//ows:Value"
        assert texts(root, path) == ["KVP"]


def test_Server_KVP_GET_GetCapabilities_Response_Layer_Identifiers_Unique(root: Element) -> None:
    assert_unique(texts(root, "//wmts:Layer/ows:Identifier"))


def test_Server_KVP_GET_GetCapabilities_Response_Layer_TileMatrixSet_Valid(root: Element) -> None:
    linked = texts(root, "//wmts:Layer/wmts:TileMatrixSetLink/wmts:TileMatrixSet")
    assert set(linked) == set(texts(root, "//wmts:Contents/wmts:TileMatrixSet/ows:Identifier"))


def test_Server_KVP_GET_GetCapabilities_Response_TileMatrixSet_Identifiers_Unique(root: Element) -> None:
    assert_unique(texts(root, "//wmts:Contents/wmts:TileMatrixSet/ows:Identifier"))


def test_Server_KVP_GET_GetCapabilities_Response_TileMatrix_Identifiers_Unique(root: Element) -> None:
    for described in sets(root):
        assert_unique(texts(described, "wmts:TileMatrix/ows:Identifier"))


def test_Server_KVP_GET_GetCapabilities_Response_TileMatrixSet_ScaleDenominators_Unique(root: Element) -> None:
    for described in sets(root):
        assert_unique(texts(described, "wmts:TileMatrix/wmts:ScaleDenominator"))


def test_Server_KVP_GET_GetCapabilities_Response_TileMatrixSet_WellKnownScaleSet(root: Element) -> None:
    """There is none, for the suite wants SupportedCRS in a form that clients do not know: EPSG:6.18:3:3857."""
    assert texts(root, "//wmts:WellKnownScaleSet") == []


def test_Server_KVP_GET_GetCapabilities_Response_Theme_LayerRef_Valid(root: Element) -> None:
    assert set(texts(root, "//wmts:LayerRef")) <= set(texts(root, "//wmts:Layer/ows:Identifier"))


def test_Server_RESTful_GetCapabilities_Request_Mandatory(app: FlaskClient) -> None:
    document = capabilities(app, REST)
    assert set(sections(document)) >= set(SECTIONS)
    assert texts(document, "wmts:ServiceMetadataURL/@xlink:href") == [f"http://localhost{REST}"]


def assert_unique(values: list[str]) -> None:
    assert values
    assert all(values)
    assert len(set(values)) == len(values)


def sets(root: Element) -> list[Element]:
    sets: list[Element] = root.findall("wmts:Contents/wmts:TileMatrixSet", NAMESPACES)
    assert len(sets) == 5
    return sets

"""Draws layers with QGIS, for the Python that has it: `qgis_render.py FOLDER`, with an array of Picture as JSON.

Writes `FOLDER/NAME.png` for each, and prints the names of the layers that QGIS refuses with its reason.
"""

import json
import os
import sys

from qgis.core import (
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def main(folder: str) -> None:
    application = QgsApplication([], False)
    application.initQgis()
    for picture in json.load(sys.stdin):
        layer = QgsRasterLayer(picture["uri"], picture["name"], picture["provider"])
        if not layer.isValid():
            print(picture["name"], layer.error().summary())
            continue
        settings = QgsMapSettings()
        settings.setLayers([layer])
        settings.setBackgroundColor(QColor(255, 255, 255))
        settings.setDestinationCrs(layer.crs())
        settings.setOutputSize(QSize(*picture["size"]))
        settings.setExtent(QgsRectangle(*picture["extent"]))
        job = QgsMapRendererSequentialJob(settings)
        job.start()
        job.waitForFinished()
        job.renderedImage().save(os.path.join(folder, f"{picture['name']}.png"))
    sys.stdout.flush()
    os._exit(0)  # the end of QGIS may crash


if __name__ == "__main__":
    main(sys.argv[1])

"""The model as a directory: model.tflite, labels.txt, manifest.json."""

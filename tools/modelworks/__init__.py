"""The workstation companion: trains, quantizes and packs the models that the appliance runs."""
